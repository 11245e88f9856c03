/** rotate-ca graph: draws who presents what to whom, and what a plan does to it. Nothing is changed. */

import { existsSync, writeFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import type { Command } from 'commander';
import { fail } from '../../domain/errors.js';
import type { PictureFormat } from '../../app/graph-picture.js';
import type { Context } from '../context.js';
import { makePlan, type PlanFlags, withPlanOptions } from './plan.js';

interface GraphFlags extends PlanFlags {
  readonly out: string;
  readonly from?: string;
  readonly step?: string;
}

const formats: Readonly<Record<string, PictureFormat>> = { '.svg': 'svg', '.html': 'html', '.htm': 'html', '.dot': 'dot', '.gv': 'dot', '.mermaid': 'mermaid', '.mmd': 'mermaid' };

export function addGraphCommand(program: Command, context: Context): void {
  withPlanOptions(program.command('graph').summary('draw who trusts whom, and what a plan does to it'))
    .description('Draws the trust graph: of a saved plan or scan, or of the cluster and a plan that is made for it. Nothing is changed.')
    .requiredOption('--out <file>', 'where to: its ending says the format (.svg, .html, .dot, .mermaid); .html replays the plan step by step')
    .option('--from <file>', 'a saved plan, or the JSON of a scan: no cluster is asked')
    .option('--step <step>', 'the picture at this step of the plan, "now", or "all": the worst of all steps (default: all)')
    .action(async (flags: GraphFlags) => {
      const format = formatOf(flags);
      const from = flags.from === undefined ? undefined : savedFile(flags.from);
      const { graphPicture, readPictureSource } = await import('../../app/graph-picture.js');
      const source = from === undefined ? await makePlan(flags, context) : readPictureSource(from);
      const text = await graphPicture(source, { format, ...(flags.step === undefined ? {} : { step: flags.step }) });
      save(flags.out, text);
      context.out.object('Graph', { file: resolve(flags.out), format });
      context.out.result(`${flags.out}: ${format}, ${Math.ceil(Buffer.byteLength(text) / 1024)} KB`);
    });
}

/** Before anything is asked of a cluster. */
function formatOf({ out, step }: GraphFlags): PictureFormat {
  const format = formats[extname(out).toLowerCase()];
  if (format === undefined) {
    return fail('usage', {
      target: '--out',
      summary: `the ending of "${out}" is none of a picture`,
      nextAction: 'Give a file that ends with .svg, .html, .dot or .mermaid.',
    });
  }
  if (format !== 'html' || step === undefined) return format;
  return fail('usage', { target: '--step', summary: 'a page has every step in it', nextAction: 'Leave --step out, or give --out a file that ends with .svg, .dot or .mermaid.' });
}

function savedFile(file: string): string {
  if (existsSync(file)) return file;
  return fail('usage', { target: '--from', summary: `there is no file ${resolve(file)}`, nextAction: 'Save a plan with "rotate-ca plan --out FILE", then give that file.' });
}

function save(file: string, text: string): void {
  try {
    writeFileSync(resolve(file), text, { mode: 0o644 });
  } catch (error) {
    fail('usage', {
      target: file,
      summary: 'the picture cannot be written there',
      cause: error instanceof Error ? error.message : String(error),
      nextAction: 'Give --out a file in a folder that exists and may be written to.',
    });
  }
}
