import { labPaths, openLab } from '../lab.js';
import { observe } from './probes/edges.js';
import { look, see } from './probes/seen.js';
import { makeToken, openProber } from './prober.js';
import { edgesOf } from './edge-list.js';

const lab = openLab({ paths: labPaths('proof') });
const prober = openProber(lab, await makeToken(lab));
const place = await look(prober);
const t = Date.now();
const seen = await see(prober, place);
console.log(`seen in ${((Date.now() - t) / 1000).toFixed(1)} s`);
for (const edge of edgesOf(lab, place)) {
  const { is, by } = observe(edge, seen);
  console.log(is.padEnd(7), edge, '|', by);
}
