"""Pseudo-fakes: manipulated faces made of genuine ones, by blending, resampling and reconstruction."""
