"""Access to care beside its continuity: waiting times, the care guarantee, the third next available appointment."""
