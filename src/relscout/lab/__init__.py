"""Research: experiments that reproduce papers, and the analysis of what a model reads."""
