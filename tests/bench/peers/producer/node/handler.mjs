// A PostConfirmation trigger as the AWS documentation has people write one in JavaScript: the client is made outside of the handler.
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";

const client = new EventBridgeClient({});

export async function handler(event) {
  const user = event.request.userAttributes;
  const detail = { sub: user.sub, email: user.email, first_name: user.given_name, last_name: user.family_name };
  const answer = await client.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: process.env.EVENT_BUS_NAME,
          Source: "bench",
          DetailType: "UserConfirmed",
          Detail: JSON.stringify(detail),
        },
      ],
    }),
  );
  if (answer.FailedEntryCount > 0) throw new Error("EventBridge did not take the event");
  return event;
}
