"""Renders charts as SVG text: scales, axes and marks that several views share, and a module for each kind of chart."""
