"""The codec wing: native frames in, streams of a transfer syntax out, with NumPy alone."""
