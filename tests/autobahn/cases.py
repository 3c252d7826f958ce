# Python 2.7, run by the install's interpreter.
# cases.py OUTDIR MODE PORT PATH AGENT JOBS [CASES...]
# Resolves the case ids and patterns, writes OUTDIR/cases.json (all ids that are to
# run) and a wstest specification for each of JOBS parts, and prints the parts'
# folders. Patterns match whole ids: 12.*.1 is 12.1.1, 12.2.1 ..., not 12.1.10.
# AUTOBAHN_EXCLUDE: patterns to leave out. AUTOBAHN_QUICK=1: leaves out the cases of
# 12 and 13 with messages of 32 KiB and more, which take nine tenths of their time.
import fnmatch
import json
import os
import sys

from autobahntestsuite.case import Cases, CaseCategories, CaseSubCategories, CaseSetname, CaseBasename
from autobahntestsuite.caseset import CaseSet

outdir, mode, port, path, agent, jobs = sys.argv[1:7]
jobs, port = int(jobs), int(port)
patterns = sys.argv[7:] or ['*']
exclude = os.environ.get('AUTOBAHN_EXCLUDE', '').split()
if os.environ.get('AUTOBAHN_QUICK') == '1':
    exclude += ['%d.*.%d' % (c, n) for c in (12, 13) for n in (8, 9, 10, 13, 14, 15, 16, 17, 18)]

# What a case takes, in seconds, about: by the last number of 12.* and 13.*.
HEAVY = [0, .3, .3, .3, .3, .4, .5, .7, 1.2, 2.2, 4.2, .5, .8, 1.4, 2.6, 5, 4.6, 4.8, 4.4]


def key(i):
    return [int(x) for x in i.split('.')]


def weight(i):
    k = key(i)
    return HEAVY[k[2]] if k[0] in (12, 13) else 0.1 if k[0] == 9 else 0.03


ids = sorted(CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories).CasesById, key=key)


def resolve(pats, must):
    got = set()
    for p in pats:
        hit = fnmatch.filter(ids, p)
        if must and not hit:
            sys.exit('autobahn: no case matches %r' % p)
        got.update(hit)
    return got


run = sorted(resolve(patterns, True) - resolve(exclude, False), key=key)
if not run:
    sys.exit('autobahn: no cases left to run')

jobs = max(1, min(jobs, len(run)))
parts = [[] for _ in range(jobs)]
load = [0.0] * jobs
for i in sorted(run, key=lambda i: (-weight(i), key(i))):
    n = load.index(min(load))
    parts[n].append(i)
    load[n] += weight(i)

json.dump(run, open(os.path.join(outdir, 'cases.json'), 'w'))
for n, cases in enumerate(parts):
    d = outdir if jobs == 1 else os.path.join(outdir, 'part-%d' % (n + 1))
    if not os.path.isdir(d):
        os.makedirs(d)
    spec = {'outdir': d, 'cases': sorted(cases, key=key), 'exclude-cases': [], 'exclude-agent-cases': {}, 'options': {}}
    if mode == 'server':
        spec['servers'] = [{'agent': agent, 'url': 'ws://127.0.0.1:%d%s' % (port, path)}]
    else:
        spec['url'] = 'ws://127.0.0.1:%d' % (port + n)
    json.dump(spec, open(os.path.join(d, 'spec.json'), 'w'), indent=1)
    print(d)
