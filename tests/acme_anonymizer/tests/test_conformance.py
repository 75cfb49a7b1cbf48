from deidkit.testing import EngineConformance, RecognizerConformance


class TestStir(EngineConformance):
    plugin = "acme"


class TestStirLess(EngineConformance):
    plugin = "acme:share=0.2"


class TestGradient(RecognizerConformance):
    plugin = "acme-gradient"
