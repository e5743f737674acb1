// `npm run bench`: side by side, interleaved (A B C A B C), medians and ratios.
