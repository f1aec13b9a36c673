"""Which names stand for secrets: ``db_password``, ``apiKey``, ``aws_secret_access_key``."""

from __future__ import annotations

import re

MAX_NAME_CHARS = 128
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LAST_WORDS = _words(
    """
    pass passwd password passwords passphrase passcode pwd pw secret secrets token credential
    credentials cred creds auth authorization bearer cookie cookies jwt apikey apikeys sas dsn
    salt otp totp pin pat passwort kennwort
    """
)
"""Words that make a name one of a secret when it ends with them."""

_ENDINGS = _words(
    """
    password passwd passphrase passcode pwd secret secrets credential credentials authorization
    passwort kennwort sessionid
    authtoken authtokens accesstoken accesstokens refreshtoken apitoken apitokens bearertoken
    sessiontoken securitytoken idtoken sastoken admintoken clienttoken usertoken hftoken
    apikey apikeys accesskey accesskeys accesskeyid secretkey secretkeys privatekey accountkey
    sharedkey storagekey signingkey encryptionkey decryptionkey masterkey sshkey authkey adminkey
    clientkey serverkey sessionkey consumerkey licensekey licencekey subscriptionkey servicekey
    deploykey webhookkey rootkey appkey applicationkey functionkey userkey rsakey hmackey aeskey
    tlskey sslkey kmskey fernetkey cipherkey keypass storepass userpass dbpass sharedaccesssignature
    connectionstring connectionstr connstring connstr openaikey anthropickey hfkey awskey azurekey
    gcpkey googlekey dockercfg dockerconfigjson webhookurl sasurl sasuri
    """
)
"""Ends of names whose words are written together, as in ``secretkey``."""

_FORMS = _words("v value text str string plain base64 b64 hex header raw hash encrypted")
"""Last words that say how a secret is written: ``password_base64``."""

_MODEL_WORDS = _words(
    """
    eos bos pad unk sep cls mask image audio video vision speech start end stop special first last
    next new prompt decoder boi eoi eot tool text blank space class distillation per max min
    num input output
    """
)
"""What stands before ``token`` in the names of models' own settings: ``eos_token``."""

_PASSES = ("first", "second", "one", "two", "low", "high", "band", "num", "max", "min", "per")
"""What stands before ``pass`` where it is no password: ``low_pass``."""


def is_secret_name(name: str) -> bool:
    """Return whether what has this name is a secret.

    ``max_tokens``, ``tokenizer``, ``eos_token``, ``ctrl_key`` and ``password_file`` are none.
    """
    if not name or len(name) > MAX_NAME_CHARS:
        return False
    words = [word.lower() for word in _WORD.findall(name)]
    if "".join(words).endswith(_ENDINGS):
        return True
    while len(words) > 1 and (words[-1].isdigit() or words[-1] in _FORMS):
        words.pop()
    if not words:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "token" and before in _MODEL_WORDS:
        return False
    if words[-1] == "pass" and before in _PASSES:
        return False
    return words[-1] in _LAST_WORDS or words == ["tokens"] or "".join(words).endswith(_ENDINGS)
