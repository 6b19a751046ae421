"""The attention family: patches with rays, slots written additively, queries that are rays."""
