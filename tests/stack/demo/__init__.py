"""Tests over the demo's lake on servers: a package, so that pytest keeps one copy of that lake for all of them."""
