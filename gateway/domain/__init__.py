"""The ground floor: values, states and errors that every room uses. Standard library only, no I/O."""
