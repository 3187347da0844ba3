"""What holds a policy up: terms of the loss, of the target, of the behaviour and of the rewards, a module for each."""
