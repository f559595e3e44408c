"""What a policy does on recorded outcomes, and how sure that is (numpy)."""
