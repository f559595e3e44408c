"""Who checks a draft: `SelfVerifier`, or a verifier of the user's own."""
