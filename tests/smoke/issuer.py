"""Identity providers of the tests: keys that the test makes, tokens that it signs (RFC 7515) and X.509-SVIDs. Nothing of the
product is used, so that both sides must have read the same specifications."""
import base64
import datetime
import hashlib
import hmac
import ipaddress
import json
import os
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway import replace_file

AUDIENCE = "sallyport-lab"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def pem_of_key(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def pem_of(*certificates):
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates)


class SigningKey:
    def __init__(self, kid, kind="RS256"):
        self.kid, self.algorithm = kid, kind
        self.key = rsa.generate_private_key(65537, 2048) if kind == "RS256" else ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        public = self.key.public_key().public_numbers()
        if self.algorithm == "RS256": kind = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
        else: kind = {"kty": "EC", "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32)}
        return {**kind, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def signature(self, data):
        if self.algorithm == "RS256": return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_pem(self):
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class Issuer:
    """An issuer of tokens whose JWKS lies in the lab's folder."""

    def __init__(self, lab, name, url, kind="RS256"):
        self.lab, self.name, self.url = lab, name, url
        self.keys = [SigningKey(f"{name}-1", kind)]
        self.path = os.path.join(lab.folder, f"{name}.jwks.json")
        self.publish()

    def jwks(self):
        return json.dumps({"keys": [key.jwk() for key in self.keys]})

    def publish(self):
        replace_file(self.path, self.jwks())

    def token(self, claims, key=None, header=None):
        key = key or self.keys[0]
        head = {"alg": key.algorithm, "typ": "JWT", "kid": key.kid, **(header or {})}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{base64url(key.signature(text.encode()))}"

    def unsigned(self, claims):
        return ".".join((base64url(b'{"alg":"none"}'), base64url(json.dumps(claims).encode()), ""))

    def by_public_key_as_secret(self, claims):
        """HS256 with what everybody knows: the oldest trick."""
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": self.keys[0].kid}, claims))
        return f"{text}.{base64url(hmac.new(self.keys[0].public_pem(), text.encode(), hashlib.sha256).digest())}"

    def pod_claims(self, account, namespace="shop", lasts_s=600, pod=None, **more):
        now = int(time.time())
        return {"iss": self.url, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + lasts_s,
                "sub": f"system:serviceaccount:{namespace}:{account}",
                "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": f"uid-of-{account}"},
                                  **({"pod": {"name": pod, "uid": f"uid-of-{pod}"}} if pod else {})}, **more}

    def pod(self, account, **more):
        """A projected service-account token."""
        return self.token(self.pod_claims(account, **more))

    def person(self, name, lasts_s=600, **more):
        """An OIDC ID token."""
        now = int(time.time())
        return self.token({"iss": self.url, "aud": AUDIENCE, "iat": now, "exp": now + lasts_s, "sub": f"id-of-{name}",
                           "email": f"{name}@example.com", "email_verified": True, **more})


class Authority:
    """A certificate authority: of a server's name, or of a trust domain."""

    def __init__(self, name, lasts_s=86400):
        self.name, self.key = name, ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(name, self.key.public_key(), True, [], lasts_s)

    def _sign(self, name, public_key, is_ca, names, lasts_s, usages=(), begins_s=-60):
        now = datetime.datetime.utcnow()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
                .serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(seconds=begins_s))
                .not_valid_after(now + datetime.timedelta(seconds=lasts_s))
                .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
                .add_extension(x509.KeyUsage(digital_signature=not is_ca, content_commitment=False, key_encipherment=False,
                                             data_encipherment=False, key_agreement=False, key_cert_sign=is_ca, crl_sign=is_ca,
                                             encipher_only=False, decipher_only=False), critical=True))
        if names: made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if usages: made = made.add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def server(self, *addresses, lasts_s=86400):
        """(certificate, key) in PEM for a server at these addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        return pem_of(self._sign("server", key.public_key(), False, names, lasts_s, [ExtendedKeyUsageOID.SERVER_AUTH])), pem_of_key(key)

    def svid(self, *uris, lasts_s=3600, is_ca=False, begins_s=-60):
        """(certificate, key) in PEM of an X.509-SVID: one URI, if it is to be a good one."""
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        return pem_of(self._sign("workload", key.public_key(), is_ca, names, lasts_s, usages, begins_s)), pem_of_key(key)

    def pem(self):
        return pem_of(self.certificate)
