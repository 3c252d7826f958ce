# summary.py MODE OUTDIR STATUS SECONDS      (Python 2.7 or 3)
# Tallies the index.json of OUTDIR (or of its part-N, which it joins to one) against
# OUTDIR/cases.json, prints a table by category and a last line with the total, and
# writes OUTDIR/summary.json. Exit 0 only if there is exactly one agent, STATUS is 0,
# every case of cases.json ran (AUTOBAHN_EXPECT of them, when that is set), and every
# case and every close was OK. NON-STRICT is not OK. The cases of INFORMATIONAL, and
# no others, may be INFORMATIONAL: the suite has no other verdict for them.
from __future__ import print_function
import glob
import json
import os
import sys

INFORMATIONAL = ('7.1.6', '7.13.1', '7.13.2')
KINDS = ['OK', 'NON-STRICT', 'INFORMATIONAL', 'UNIMPLEMENTED', 'FAILED']
COLUMNS = KINDS + ['WRONG CLOSE', 'MISSING']

mode, outdir, status, wall = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
expect = os.environ.get('AUTOBAHN_EXPECT', '')


def key(i):
    return [int(x) for x in i.split('.')]


def load(path, default):
    try:
        with open(path) as f:
            return json.load(f)
    except (IOError, ValueError):
        return default


def save(name, value):
    with open(os.path.join(outdir, name), 'w') as f:
        json.dump(value, f, indent=1, sort_keys=True)


def passes(case, verdict):
    return verdict == 'OK' or (verdict == 'INFORMATIONAL' and case in INFORMATIONAL)


expected = load(os.path.join(outdir, 'cases.json'), [])
index = load(os.path.join(outdir, 'index.json'), {})
parts = sorted(glob.glob(os.path.join(outdir, 'part-*')))
if parts:
    index = {}
    for p in parts:
        for agent, cases in load(os.path.join(p, 'index.json'), {}).items():
            for c in cases.values():
                c['reportfile'] = os.path.basename(p) + '/' + c['reportfile']
            index.setdefault(agent, {}).update(cases)
    save('index.json', index)


def label(ids):
    """The ids; a category or subcategory that is there as a whole becomes one pattern."""
    out, left = [], set(ids)
    for depth in (1, 2):
        groups = {}
        for i in expected:
            p = i.split('.')
            if len(p) > depth:
                groups.setdefault('.'.join(p[:depth]), []).append(i)
        for g, members in groups.items():
            if len(members) > 2 and left.issuperset(members):
                out.append((key(g), g + '.*'))
                left.difference_update(members)
    out += [(key(i), i) for i in left]
    return ' '.join(t for _, t in sorted(out))


def one(agent, cases):
    n = dict((k, 0) for k in COLUMNS)
    cats, by, bad = {}, {}, set()
    for i in sorted(set(expected) | set(cases), key=key):
        cat = cats.setdefault(i.split('.')[0], dict([(k, 0) for k in n], cases=0, ms=0))
        cat['cases'] += 1
        kinds = []
        if i not in cases:
            kinds.append('MISSING')
            by.setdefault('missing', []).append(i)
            bad.add(i)
        else:
            c = cases[i]
            b = c['behavior'] if c['behavior'] in KINDS else 'FAILED'
            kinds.append(b)
            cat['ms'] += c['duration']
            if not passes(i, b):
                by.setdefault(b.lower(), []).append(i)
                bad.add(i)
            if not passes(i, c['behaviorClose']):
                kinds.append('WRONG CLOSE')
                bad.add(i)
                if b != 'UNIMPLEMENTED':
                    by.setdefault('close ' + c['behaviorClose'].lower(), []).append(i)
        for k in kinds:
            n[k] += 1
            cat[k] += 1
    print('agent %s' % agent)
    print(' cat  cases ' + ' '.join('%*s' % (max(6, len(k)), k) for k in COLUMNS) + '  seconds')
    for g in sorted(cats, key=int):
        c = cats[g]
        print('%4s %6d ' % (g, c['cases']) + ' '.join('%*d' % (max(6, len(k)), c[k]) for k in COLUMNS) +
              ' %8.2f' % (c['ms'] / 1000.0))
    total = sum(c['cases'] for c in cats.values())
    line = 'autobahn %s: %d cases: ' % (mode, total) + ', '.join('%s %d' % (k, n[k]) for k in COLUMNS)
    for what in sorted(by):
        line += '; %s: %s' % (what, label(by[what]))
    return {'agent': agent, 'ok': not bad and total > 0, 'total': total, 'bad_cases': len(bad), 'categories': cats,
            'counts': n, 'bad': by, 'line': line}


results = [one(a, index.get(a, {})) for a in sorted(index) or ['(none)']]
reasons = []
if len(index) != 1:
    reasons.append('%d agents reported, not 1' % len(index))
if status:
    reasons.append('%s ended with status %d' % ('wstest' if mode == 'server' else 'client', status))
if expect and any(r['total'] != int(expect) for r in results):
    reasons.append('%s cases expected' % expect)
good = not reasons and all(r['ok'] for r in results)
save('summary.json', {'mode': mode, 'ok': good, 'status': status, 'wall_seconds': wall, 'agents': results})
print('wall %d s' % wall)
for r in results:
    line = r['line'] if len(results) == 1 else r['line'] + ' [agent %s]' % r['agent']
    print('; '.join([line] + reasons))
sys.exit(0 if good else 1)
