"""`automix pays`: would a cascade pay, before anything is collected."""
