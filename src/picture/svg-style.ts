/** The style of a picture as CSS: light and dark by the wish of the reader, and ink on paper. */

import { generationSigns, verdictSigns } from './verdicts.js';

const ground = {
  light: { page: '#ffffff', frame: '#f3f5f8', 'frame-line': '#c5ccd6', box: '#ffffff', 'box-line': '#6b7685', ink: '#16202c', soft: '#56606e', busy: '#fff6dc' },
  dark: { page: '#12171e', frame: '#1a212b', 'frame-line': '#3a4655', box: '#222b37', 'box-line': '#8795a8', ink: '#eef2f7', soft: '#a9b4c2', busy: '#3a3319' },
} as const;

export const fonts = 'system-ui, "Segoe UI", "Liberation Sans", Arial, "DejaVu Sans", sans-serif';

function variables(theme: 'light' | 'dark'): string {
  return [
    ...Object.entries(ground[theme]).map(([name, colour]) => `--${name}:${colour}`),
    ...Object.entries(verdictSigns).map(([name, sign]) => `--v-${name}:${sign[theme]}`),
    ...Object.entries(generationSigns).map(([name, sign]) => `--g-${name}:${sign[theme]}`),
  ].join(';');
}

/** `root` is what the variables belong to: `:root` of a page, `svg` of a picture alone. */
export function pictureStyle(root: string): string {
  return [
    `${root}{${variables('light')};color-scheme:light dark}`,
    `@media (prefers-color-scheme:dark){${root}{${variables('dark')}}}`,
    `@media print{${root}{${variables('light')};color-scheme:light}}`,
    `.picture text{font-family:${fonts};fill:var(--ink)}`,
    '.picture .ground{fill:var(--page)}',
    '.frame rect{fill:var(--frame);stroke:var(--frame-line)}',
    '.frame text{font-size:13px;font-weight:600;fill:var(--soft)}',
    '.box rect{fill:var(--box);stroke:var(--box-line);stroke-width:1.2}',
    '.box .busy{fill:var(--busy);stroke-width:2.2}',
    '.box .name{font-size:13px;font-weight:600}',
    '.box .row{font-size:11px}',
    '.picture .soft{fill:var(--soft)}',
    '.line .way{fill:none}',
    '.line .pill{fill:var(--page);stroke-width:1}',
    '.line text{font-size:11px}',
    '.line .class{font-weight:600}',
    ...Object.keys(generationSigns).map((name) => `.picture .g-${name}{fill:var(--g-${name})}`),
    ...Object.entries(verdictSigns).flatMap(([name, { width, dash }]) => [
      `.v-${name} .way{stroke:var(--v-${name});stroke-width:${width}${dash === '' ? '' : `;stroke-dasharray:${dash}`}}`,
      `.v-${name} .tip{fill:var(--v-${name})}`,
      `.v-${name} .pill{stroke:var(--v-${name})}`,
      `.picture .t-${name}{fill:var(--v-${name});font-weight:700}`,
    ]),
    ...Object.keys(verdictSigns).map((name) => `.s-${name}{color:var(--v-${name});font-weight:700}`),
    ...Object.keys(generationSigns).map((name) => `.c-${name}{color:var(--g-${name})}`),
    '.picture .title{font-size:16px;font-weight:700}',
    '.picture .subtitle{font-size:12px}',
    '.legend text{font-size:11px}',
  ].join('\n');
}
