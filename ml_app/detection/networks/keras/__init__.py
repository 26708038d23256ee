"""Networks of Keras' sequential kind, layer by layer in numpy and as Keras computes them."""
