"""Which names stand for secrets: ``db_password``, ``apiKey``, ``aws_secret_access_key``."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

MAX_NAME_CHARS = 128
MOST_WORDS = 6
"""A longer text is no name."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LAST_WORDS = _words(
    """
    pass passwd password passwords passphrase passcode pwd pw secret secrets token credential
    credentials cred creds auth authorization bearer cookie cookies jwt apikey apikeys sas dsn
    salt otp totp pin pat passwort kennwort pswd psw pword passwrd passw psswd private mnemonic
    license licence licenses licences ak sk clave webhook requirepass masterauth pgpass netrc hmac
    csrf
    """
)
"""Words that make a name one of a secret when it ends with them."""

_ENDINGS = _words(
    """
    password passwd passphrase passcode pwd secret secrets credential credentials authorization
    passwort kennwort contrasena motdepasse senha wachtwoord parola haslo salasana losenord kodeord
    sessionid seedphrase recoveryphrase secretphrase pincode accesscode authcode activationcode
    unlockcode securitycode recoverycode recoverycodes backupcodes secretcode totpseed otpseed
    authtoken authtokens accesstoken accesstokens refreshtoken apitoken apitokens bearertoken
    sessiontoken securitytoken idtoken sastoken admintoken clienttoken usertoken hftoken
    apikey apikeys accesskey accesskeys accesskeyid secretkey secretkeys privatekey accountkey
    sharedkey storagekey signingkey encryptionkey decryptionkey masterkey sshkey authkey adminkey
    clientkey serverkey sessionkey consumerkey licensekey licencekey subscriptionkey servicekey
    activationkey productkey serialkey privatekeyid apitokenid
    deploykey webhookkey rootkey appkey applicationkey functionkey userkey rsakey hmackey aeskey
    tlskey sslkey kmskey fernetkey cipherkey keypass storepass userpass dbpass sharedaccesssignature
    connectionstring connectionstr connstring connstr openaikey anthropickey hfkey awskey azurekey
    gcpkey googlekey dockercfg dockerconfigjson webhookurl sasurl sasuri
    """
)
"""Ends of names whose words are written together, as in ``secretkey``."""

_FORMS = _words(
    """
    v value text str string plain base b hex header raw hash sha md data content pem json encrypted
    """
)
"""Last words that say how a secret is written: ``password_base64``."""

_STRONG = (
    *_words("password passwords passwd pwd passphrase secret secrets credential credentials"),
    *_words("apikey apikeys accesskey secretkey privatekey authtoken accesstoken apitoken"),
)
"""Words that make a name one of a secret wherever they are in it: ``secret_prod``."""

_ABOUT = _words(
    """
    file files path paths dir folder len length min max policy field fields name names type size
    count limit ttl age expiry expires expiration required enabled disabled regex pattern rule
    rules prompt url uri endpoint mode provider format version algorithm env var variable manager
    store
    """
)
"""Last words of names of what is said about a secret: ``password_file``."""

_WHERE = _words(
    """
    prod production dev development staging primary secondary github gitlab openai anthropic
    huggingface hf slack aws azure gcp
    """
)
"""Last words that say where a secret is used: ``token_prod``."""

_MODEL_WORDS = _words(
    """
    eos bos pad unk sep cls mask image audio video vision speech start end stop special first last
    next new prompt decoder boi eoi eot tool text blank space class distillation per max min
    num input output
    """
)
"""What stands before ``token`` in the names of models' own settings: ``eos_token``."""

_SUBSTRINGS = _words(
    "密码 密碼 口令 密钥 密鑰 秘钥 私钥 秘密 令牌 凭证 凭据 パスワード 暗証 пароль секрет 비밀번호"
)
"""Words for secrets in scripts that have no letters of this one."""

_LOGINS = _words("login logins user users username usernames account userinfo basic principal")
"""Last words of names of users, whose value may have a password behind a colon."""

_FREE_LICENSE = re.compile(
    r"mit|isc|apache.*|[al]?gpl.*|bsd.*|mpl.*|cc[-0 ].*|.*openrail.*|llama.*|gemma|unlicense|zlib"
    r"|proprietary|commercial|other|unknown|custom|.*\blicen[cs]e",
    re.IGNORECASE,
)

_PASSES = ("first", "second", "one", "two", "low", "high", "band", "num", "max", "min", "per")
"""What stands before ``pass`` where it is no password: ``low_pass``."""


def is_secret_name(name: str) -> bool:
    """Return whether what has this name is a secret.

    ``max_tokens``, ``tokenizer``, ``eos_token``, ``ctrl_key`` and ``password_file`` are none.
    """
    if not name or len(name) > MAX_NAME_CHARS:
        return False
    if any(word in name.lower() for word in _SUBSTRINGS):
        return True
    words = _parts(name)
    if "".join(words).endswith(_ENDINGS):
        return True
    words = _without_form(words)
    if len(words) > 1 and words[-1] in _WHERE:
        words.pop()
    if not words:
        return False
    before = words[-2] if len(words) > 1 else ""
    others = {"token": _MODEL_WORDS, "pass": _PASSES}
    if before in others.get(words[-1], ()):
        return False
    return (
        words[-1] in _LAST_WORDS
        or words == ["tokens"]
        or "".join(words).endswith(_ENDINGS)
        or (words[0] == "x" and words[-1] == "signature")  # of a header
        or _has_strong_word(words)
    )


def _has_strong_word(words: list[str]) -> bool:
    if words[-1] in _ABOUT or len(words) > MOST_WORDS:
        return False
    pairs = (f"{one}{other}" for one, other in pairwise(words))
    return any(word.removesuffix("s") in _STRONG for word in (*words, *pairs))


def _without_form(words: list[str]) -> list[str]:
    """Take away what says how a value is written, and numbers."""
    left = list(words)
    while len(left) > 1 and (left[-1].isdigit() or left[-1] in _FORMS):
        left.pop()
    return left


def is_login(name: str) -> bool:
    """Return whether a name is one of a user: its value may be ``user:password``."""
    words = _parts(name)
    return bool(words) and words[-1] in _LOGINS


def is_plain_key(name: str) -> bool:
    """Return whether a name says no more than that its value is a key."""
    return _without_form(_parts(name)) in (["key"], ["keys"], ["tok"])


def is_free_license(name: str, value: str) -> bool:
    """Return whether a value is the name of a licence, not the key of one."""
    words = _parts(name)
    licensed = bool(words) and words[-1] in ("license", "licence", "licenses", "licences")
    return licensed and _FREE_LICENSE.fullmatch(value) is not None


def _parts(name: str) -> list[str]:
    if not name.isascii():
        # Letters with accents, and wide ones, as the plain letters.
        plain = unicodedata.normalize("NFKD", name).replace("ł", "l").replace("Ł", "L")
        name = plain.encode("ascii", "ignore").decode()
    return [word.lower() for word in _WORD.findall(name)]
