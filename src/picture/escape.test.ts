import { instance } from '@viz-js/viz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forDot, forMermaid, forXml, oneLine } from './escape.js';

const odd = [
  ['quotes', `say "hi" and 'ho'`],
  ['angle brackets', '<script>alert(1)</script>'],
  ['a line end', 'one\ntwo'],
  ['a line end of another system', 'one\r\ntwo'],
  ['unicode', 'Größe 漢字 🙂 é'],
  ['entities', '&lt;b&gt; &#35; #35; &quot;'],
  ['backslashes', 'C:\\N\\G\\l "\\"'],
  ["mermaid's words", 'end'],
  ["mermaid's signs", 'a["b"] --> c{d} %% e ; subgraph x | y `z` *b* _i_'],
  ['a list of Markdown', '1. one'],
  ["mermaid's style", 'style b fill:#f00'],
  ["mermaid's pictures", 'fa:fa-car'],
  ['control characters', 'a\u0000b\u001b[31mc'],
  ['a turned direction of reading', 'safe\u202etxt.exe'],
  ['half of a surrogate pair', 'a\ud83db'],
  ['a template', '{{y}} <%= z %> {%x%}'],
  ['nothing', ''],
] as const;

function fromXml(text: string): string {
  return text
    .replaceAll(/&#(x?)([0-9a-f]+);/gi, (_, hex: string, code: string) => String.fromCodePoint(Number.parseInt(code, hex === '' ? 10 : 16)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

describe('XML and HTML', () => {
  it.each([
    ['quotes', 'say &quot;hi&quot; and &#39;ho&#39;'],
    ['angle brackets', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['a line end', 'one\ntwo'],
    ['a line end of another system', 'one\ntwo'],
    ['unicode', 'Größe 漢字 🙂 é'],
    ['entities', '&amp;lt;b&amp;gt; &amp;#35; #35; &amp;quot;'],
    ['control characters', 'a\ufffdb\ufffd[31mc'],
    ['a turned direction of reading', 'safetxt.exe'],
    ['half of a surrogate pair', 'a\ufffdb'],
  ])('%s', (name, written) => {
    expect(forXml(odd.find(([one]) => one === name)?.[1] ?? '')).toBe(written);
  });

  it('never begins a tag, ends an attribute, or leaves an ampersand alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(forXml(text)).toMatch(/^(?:[^<>"'&]|&(?:amp|lt|gt|quot|#39);)*$/);
      }),
    );
  });
});

describe('DOT', () => {
  it.each(odd)('%s: Graphviz reads the same text', async (_, text) => {
    const viz = await instance();
    const drawn = viz.renderString(`digraph { a [label=${forDot(text)}] }`, { format: 'svg' });
    const read = [...drawn.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, line = '']) => fromXml(line));
    const lines = text.split(/\r\n|\n/).map(oneLine);
    expect(read).toEqual(text === '' ? [] : lines);
  });

  it('a string ends where it should', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(forDot(text)).toMatch(/^"(?:[^"\\\n\r]|\\[\\"n])*"$/);
      }),
    );
  });
});

describe('Mermaid', () => {
  it.each([
    ['quotes', '"say #34;hi#34; and #39;ho#39;"'],
    ['angle brackets', '"#60;script#62;alert(1)#60;/script#62;"'],
    ['a line end', '"one<br/>two"'],
    ['unicode', '"Größe 漢字 #128578; é"'],
    ['entities', '"#38;lt#59;b#38;gt#59; #38;#35;35#59; #35;35#59; #38;quot#59;"'],
    ["mermaid's words", '"end"'],
    ["mermaid's signs", '"a#91;#34;b#34;#93; --#62; c#123;d#125; #37;#37; e #59; subgraph x #124; y #96;z#96; #42;b#42; #95;i#95;"'],
    ['a list of Markdown', '"#49;. one"'],
    ["mermaid's style", '"style b fill#58;#35;f00"'],
    ["mermaid's pictures", '"fa#58;fa-car"'],
  ])('%s', (name, written) => {
    expect(forMermaid(odd.find(([one]) => one === name)?.[1] ?? '')).toBe(written);
  });

  it('no sign that means something to Mermaid is left, but in the numbers and line ends that are written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bare = forMermaid(text)
          .slice(1, -1)
          .replaceAll(/#\d+;|<br\/>/g, '');
        expect(bare).toMatch(/^[^"'`<>#;:&|{}[\]*_~^\\%$\n\r]*$/);
      }),
    );
  });
});
