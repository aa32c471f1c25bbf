"""From an acquisition and its step to a conformant SOP Instance: the only room that knows IODs."""
