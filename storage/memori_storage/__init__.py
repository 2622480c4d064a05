"""Storage for conversations and memories, independent of what captures them."""
