"""From unpaired sound and text to pairs: stores of embeddings, joins.

Authors
 * The speechbrain_clap team 2026
"""
