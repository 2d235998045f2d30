"""The paper's word-sense probe (section 6.3, table 4): which sense of a word its stored features tell."""
