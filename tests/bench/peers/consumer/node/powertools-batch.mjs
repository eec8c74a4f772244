// The consumer as a team writes it in Node.js: Powertools Batch for the messages, pg for the rows, one connection outside of the handler.
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import pg from 'pg';

const processor = new BatchProcessor(EventType.SQS);
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 });

// A named statement is prepared once for each connection.
const insert = {
  name: 'insert-user',
  text: `insert into users (cognito_sub, email, first_name, last_name, is_active)
         values ($1, $2, $3, $4, true) on conflict (cognito_sub) do nothing`,
};

const recordHandler = async (record) => {
  const user = JSON.parse(record.body).detail.data;
  await pool.query({ ...insert, values: [user.cognito_sub, user.email, user.first_name, user.last_name] });
};

export const handler = async (event, context) =>
  processPartialResponse(event, recordHandler, processor, { context });
