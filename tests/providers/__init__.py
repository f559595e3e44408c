"""The real client packages, each as a model of a cascade, against servers that speak its provider's wire format."""
