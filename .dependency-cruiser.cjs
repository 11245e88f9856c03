/** Layers for dependency-cruiser, made from scripts/layers.json: who may import whom (docs/architecture.md). Tests may import what they test with. */

const layers = require('./scripts/layers.json');

const test = '\\.test(-support)?\\.ts$|(^|/)support/';
const quoted = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

const between = Object.entries(layers).map(([folder, { may }]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import only: ${may.join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${folder}/`, pathNot: test },
  to: { path: '^(src|lab|bench|test)/', pathNot: `^src/(${may.join('|')})/` },
}));

const siblings = Object.entries(layers)
  .filter(([, layer]) => layer.apart)
  .map(([folder]) => ({
    name: `${folder}-apart`,
    comment: `The folders in src/${folder} do not know each other; what two of them need belongs below.`,
    severity: 'error',
    from: { path: `^src/${folder}/([^/]+)/`, pathNot: test },
    to: { path: `^src/${folder}/[^/]+/`, pathNot: `^src/${folder}/$1/` },
  }));

const libraries = Object.entries(layers).map(([folder, { libraries: allowed }]) => ({
  name: `${folder}-libraries`,
  comment: `src/${folder} may use only: ${allowed.join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${folder}/`, pathNot: test },
  to: {
    dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown', 'core'],
    pathNot: allowed.map((name) => {
      if (name === 'node:*') return '^[a-z0-9:_/]+$';
      if (name.startsWith('node:')) return `^(node:)?${quoted(name.slice('node:'.length))}$`;
      return `node_modules/(@types/)?${quoted(name)}(/|$)`;
    }),
  },
}));

module.exports = {
  forbidden: [
    ...between,
    ...siblings,
    ...libraries,
    { name: 'no-cycles', comment: 'Files that import each other are one file, or three.', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
