"""The PKIs that smdp runs on: the public test PKI of `certs/`, private ones, and foreign folders (SGP.14, SGP.26).

`load.public()` and `load.load(directory)` give a `model.Pki`; `tls` mints server certificates from it; `export` and
`show` are what `smdp pki` does.
"""
