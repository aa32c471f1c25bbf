"""The status page: what a nurse, a field engineer and hospital IT see of the box, and what they may ask of it."""
