"""Keys that take long to make, and that no test needs to be another each time. They open nothing."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

EXPONENT = 65537
PRIMES = (
    int(
        "d40e1cc17c15d5515992c75e05b55dc62c5fb4d4ab6e36407dafe663156b54bf5e217f86bcf953cac472ea7637b0a22e"
        "ae261ee89e69a86c813d1c654dbc1e8b7c3cf940f79a389c008f77064db24ac428d14e6bedb847829573c41224e1fcd3"
        "910954ab53c64cca5a94a312bec574de26d4f4d16d0dbcc83b20edde7bf535137bb3e9af63c0e0aef23ae5c131351ab9"
        "ab9bbe8d50bb6b9af92a98066e2b1d180ec91f3e47cb45e82cfdcee2362bcc9151b2ded87303e6036676ebd718d2e2cd",
        16,
    ),
    int(
        "bc83bfdb29d7fcdc6822690af4466063067803bed56ec2b2ef3e2152635d58501a2136e840d6cc1b8a493db9a5eff5ad"
        "963d212721c882d4283b32eddadae0af613ccc6d2b40c9dcd815b523ff81465e44fa69ce93513418c2c3844569056c26"
        "e7955c828ad0872a3f6bd89b3bb924f07528b44f81b31a88dc995d67bb2361fe6cc5edfa9d947581992ddcb8704066b6"
        "074f2d56363608733c3f0f8df6c2a73ef5e3849fa521d6fb554a2af5fecddc02bbef8ce98b073d21e59622026e1394c1",
        16,
    ),
)


@cache
def rsa_3072() -> rsa.RSAPrivateKey:
    """The same RSA key, each time."""
    p, q = PRIMES
    d = pow(EXPONENT, -1, (p - 1) * (q - 1))
    exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, *exponents, rsa.RSAPublicNumbers(EXPONENT, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)
