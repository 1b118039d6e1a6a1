"""The software-defined assets, one file for each part of the flow (DESIGN §3). Bodies call one step each."""
