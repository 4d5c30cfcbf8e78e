"""The services that are measured beside ours, each as its own documentation has it."""
