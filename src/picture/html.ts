/**
 * A picture as one page that needs nothing else: no network, no font, no other file. Every moment of the plan is in it already, and its
 * script only shows and hides. Nothing that a cluster named is ever code: names are escaped text, and the page's policy allows this script and this style alone.
 */

import { createHash } from 'node:crypto';
import { forXml } from './escape.js';
import type { Layout } from './layout.js';
import type { Moment, Note, Picture } from './picture.js';
import { drawing } from './svg.js';
import { px } from './svg-parts.js';
import { pictureStyle } from './svg-style.js';
import { generationSigns, legSigns, verdictSigns } from './verdicts.js';
import { classWords, countsOf } from './words.js';

export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** Notes of one kind at one moment. More is read in the plan, not in a picture. */
const mostNotes = 60;

export function htmlOf(picture: Picture, layout: Layout, assets: PageAssets): string {
  const style = `${pictureStyle(':root')}\n${assets.style}`;
  const policy = `default-src 'none'; script-src '${hashOf(assets.script)}'; style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${forXml(picture.title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    `<header><h1>${forXml(picture.title)}</h1></header>`,
    picture.moments.length > 1 ? replay(picture.moments) : '',
    '<main>',
    `<figure><svg class="picture" xmlns="http://www.w3.org/2000/svg" width="${px(layout.width)}" height="${px(layout.height)}" viewBox="0 0 ${px(layout.width)} ${px(layout.height)}" role="img" aria-label="Who verifies whom">`,
    drawing(picture, layout, picture.moments),
    '</svg></figure>',
    `<aside aria-live="polite">${picture.moments.map((moment, at) => panel(moment, { at, of: picture.moments.length })).join('')}</aside>`,
    '</main>',
    footer(picture),
    `<script>${assets.script}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

/** Of an inline script or style, for the policy. */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function replay(moments: readonly Moment[]): string {
  const buttons = moments.map((moment, at) => {
    const verdict = moment.worst;
    const text = at === 0 ? 'now' : String(at);
    const symbol = verdict === 'hold' || verdict === 'unverified' ? '' : ` <span class="s-${verdict}">${verdictSigns[verdict].symbol}</span>`;
    const title = `${at === 0 ? '' : `Step ${at}: `}${moment.title} (${countsOf(moment)})`;
    return `<li><button type="button" title="${forXml(title)}"${at === 0 ? ' aria-current="step"' : ''}>${text}${symbol}</button></li>`;
  });
  return [
    '<nav class="replay" aria-label="Steps of the plan">',
    '<button type="button" id="back" aria-label="Step before">◀</button>',
    `<input type="range" id="moment" min="0" max="${moments.length - 1}" value="0" step="1" aria-label="Step of the plan">`,
    '<button type="button" id="forth" aria-label="Step after">▶</button>',
    `<ol class="steps">${buttons.join('')}</ol>`,
    '</nav>',
  ].join('\n');
}

function panel(moment: Moment, { at, of }: { readonly at: number; readonly of: number }): string {
  return [
    `<section data-at="${at}"${at === 0 ? '' : ' hidden'}>`,
    `<h2>${at === 0 ? '' : `Step ${at} of ${of - 1}: `}${forXml(moment.title)}</h2>`,
    moment.step === moment.title || at === 0 ? '' : `<p class="soft">${forXml(moment.step)}</p>`,
    `<p class="counts">${forXml(countsOf(moment))}</p>`,
    notes('What does not simply hold', moment.findings),
    notes('What changes', moment.changes),
    notes('What starts anew', moment.restarts),
    notes('What fails since before', moment.standing),
    moment.findings.length + moment.changes.length + moment.restarts.length === 0
      ? `<p>${at === 0 ? 'Every edge that is verified holds.' : 'This step changes nothing that is trusted or presented.'}</p>`
      : '',
    '</section>',
  ].join('');
}

function notes(title: string, all: readonly Note[]): string {
  if (all.length === 0) return '';
  const more = all.length > mostNotes ? `<li class="soft">and ${all.length - mostNotes} more, in "rotate-ca plan"</li>` : '';
  return `<h3>${title}</h3><ul>${all.slice(0, mostNotes).map(oneNote).join('')}${more}</ul>`;
}

function oneNote({ verdict, text, detail, line }: Note): string {
  const sign = verdict === undefined ? '' : `<span class="s-${verdict}">${verdictSigns[verdict].symbol}</span> `;
  const head = line === undefined ? `${sign}${forXml(text)}` : `<button type="button" class="note" data-of="${line}" aria-pressed="false">${sign}${forXml(text)}</button>`;
  return `<li>${head}${detail.map((one) => `<p>${forXml(one)}</p>`).join('')}</li>`;
}

function footer(picture: Picture): string {
  const sample = (name: string): string => `<svg class="picture" width="34" height="10" aria-hidden="true"><g class="line v-${name}"><path class="way" d="M1,5h32"/></g></svg>`;
  const verdicts = Object.entries(verdictSigns).map(([name, { symbol, word, means }]) => `<li>${sample(name)}<span class="s-${name}">${symbol}</span> ${word}: ${means}</li>`);
  const cas = picture.cas.map(({ name, generation }) => {
    const { symbol, word } = generationSigns[generation];
    return `<li><span class="c-${generation}">${symbol}</span> ${forXml(name)}${generation === 'other' ? '' : ` (${word})`}</li>`;
  });
  const legs = Object.values(legSigns).map(({ letter, means }) => `<li><b>${letter}</b> ${forXml(means)}</li>`);
  const classes = [...new Set(picture.lines.map((line) => line.class))]
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((one) => `<li><b>${forXml(one)}</b> ${forXml(classWords[one] ?? '')}</li>`);
  const list = (title: string, items: readonly string[]): string => (items.length === 0 ? '' : `<h3>${title}</h3><ul class="legend">${items.join('')}</ul>`);
  return [
    '<footer>',
    list('Edges', verdicts),
    list('Certificate authorities', cas),
    list('Marks of a line', legs),
    list('Classes', classes),
    list(
      'Not seen from here',
      picture.unseen.map((sentence) => `<li>${forXml(sentence)}</li>`),
    ),
    '</footer>',
  ].join('\n');
}
