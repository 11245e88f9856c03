/** What an answer is before its body has come. */

import type { IncomingMessage } from 'node:http';

/** An answer whose body is still to come. */
export interface StreamedAnswer {
  readonly status: number;
  readonly stream: IncomingMessage;
}
