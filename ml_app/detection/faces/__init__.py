"""Faces: detected in each frame, described, tracked through the frames, and cropped."""
