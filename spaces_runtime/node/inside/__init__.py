"""What runs inside the sandboxes: plain scripts for whatever Python the Space has, without a package around them."""
