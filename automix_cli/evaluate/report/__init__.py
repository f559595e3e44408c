"""The page of `automix evaluate --report`: one file that shows others what a policy does, and fetches nothing."""
