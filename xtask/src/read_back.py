"""Reads a survey that `write_snana --csv` made with astropy and with sncosmo, and compares every value with the CSV."""
import csv
import glob
import os
import sys

import numpy as np
from astropy.io import fits
from sncosmo import read_snana_fits

root = sys.argv[1]
n_objects = n_observations = 0
for table in sorted(glob.glob(os.path.join(root, "*.csv"))):
    expected = {}
    for row in csv.DictReader(open(table)):
        expected.setdefault(row["snid"], []).append(row)
    folder = table[: -len(".csv")]
    found = {}
    for head in sorted(glob.glob(os.path.join(folder, "*_HEAD.FITS*"))):
        phot = head.replace("_HEAD", "_PHOT")
        for name in (head, phot):
            with fits.open(name) as hdus:
                hdus.verify("exception")  # standard-conforming, or an error
        with fits.open(head) as hdus:
            listed = fits.getval(head, "PHOTFILE")
            assert os.path.basename(phot).startswith(listed.strip()), (listed, phot)
            assert (np.diff(hdus[1].data["PTROBS_MIN"]) > 0).all()
        for light_curve in read_snana_fits(head, phot):
            snid = light_curve.meta["SNID"]
            found[(snid.decode() if isinstance(snid, bytes) else str(snid)).strip()] = light_curve
    assert sorted(found) == sorted(expected), (folder, len(found), len(expected))
    for snid, rows in expected.items():
        light_curve = found[snid]
        assert len(light_curve) == len(rows) == light_curve.meta["NOBS"], snid
        column = lambda name: [row[name] for row in rows]
        band = [b.decode().strip() if isinstance(b, bytes) else str(b).strip() for b in light_curve["BAND"]]
        assert band == column("band"), snid
        assert np.array_equal(np.asarray(light_curve["MJD"]), np.array(column("mjd"), dtype="f8")), snid
        for name in ("FLUXCAL", "FLUXCALERR"):
            ours = np.array(column(name.lower()), dtype="f4")
            assert np.array_equal(np.asarray(light_curve[name], dtype="f4"), ours), (snid, name)
        assert np.array_equal(np.asarray(light_curve["PHOTFLAG"]), np.array(column("photflag"), dtype="i4")), snid
        n_objects += 1
        n_observations += len(rows)
assert n_objects > 0, "no object found"
print(f"astropy and sncosmo read {n_objects} objects with {n_observations} observations as they were written")
