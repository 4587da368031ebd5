"""Groups beside one another: raw, standardised and adjusted, shrunk by reliability, judged by a funnel and by ranks."""
