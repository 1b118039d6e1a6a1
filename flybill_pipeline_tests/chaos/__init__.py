"""The sync among arbitrary faults, crashes and kills, judged by the emulator's own oracle."""
