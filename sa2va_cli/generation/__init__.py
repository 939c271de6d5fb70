"""Back-ends that make frames of frames, masks and words, and all that is the same for each of them."""
