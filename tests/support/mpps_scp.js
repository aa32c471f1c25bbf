// An MPPS SCP by another hand (dcmjs-dimse): takes N-CREATE and N-SET and writes each message as one line of JSON.
// It keeps the state machine of PS3.4 Annex F.7 over its own restarts: 0111, 0112 and 0110 where that says so.
// Arguments: the port, the file to append to, the folder into which npm installed the library, and, separated by
// commas, the numbers of the messages after which it cuts the connection instead of answering.
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [port, out, installed, cuts] = process.argv.slice(2);
const { Server, Scp, constants, responses } = createRequire(path.join(installed, 'package.json'))('dcmjs-dimse');
const { Status, PresentationContextResult, SopClass } = constants;
const WANTED = SopClass.ModalityPerformedProcedureStep || '1.2.840.10008.3.1.2.3.3';

const IN_PROGRESS = 'IN PROGRESS';
const cutAfter = new Set((cuts || '').split(',').filter(Boolean).map(Number));
const steps = new Map();
let heard = 0;

function take({ operation, uid, elements }) {
  const status = elements && elements.PerformedProcedureStepStatus;
  steps.set(uid, operation === 'N-CREATE' ? IN_PROGRESS : status || steps.get(uid));
}

function judge(operation, uid) {
  const state = steps.get(uid);
  if (operation === 'N-CREATE') return state ? 0x0111 : Status.Success;
  if (!state) return 0x0112;
  return state === IN_PROGRESS ? Status.Success : Status.ProcessingFailure;
}

function hear(operation, uid, dataset) {
  heard += 1;
  const status = judge(operation, uid);
  if (status === Status.Success) {
    const line = { operation, uid, elements: dataset ? dataset.getElements() : null };
    fs.appendFileSync(out, JSON.stringify(line) + '\n');
    take(line);
  }
  return status;
}

if (fs.existsSync(out)) {
  fs.readFileSync(out, 'utf-8').split('\n').filter(Boolean).forEach((line) => take(JSON.parse(line)));
}

class Mpps extends Scp {
  associationRequested(association) {
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      if (context.getAbstractSyntaxUid() === WANTED) {
        context.setResult(PresentationContextResult.Accept, context.getTransferSyntaxUids()[0]);
      } else {
        context.setResult(PresentationContextResult.RejectAbstractSyntaxNotSupported);
      }
    }
    this.sendAssociationAccept();
  }

  nCreateRequest(request, answer) {
    const status = hear('N-CREATE', request.getAffectedSopInstanceUid(), request.getDataset());
    this.reply(responses.NCreateResponse.fromRequest(request), status, answer);
  }

  nSetRequest(request, answer) {
    const status = hear('N-SET', request.getRequestedSopInstanceUid(), request.getDataset());
    this.reply(responses.NSetResponse.fromRequest(request), status, answer);
  }

  reply(response, status, answer) {
    if (cutAfter.has(heard)) {
      this.socket.destroy();
      return;
    }
    response.setStatus(status);
    answer(response);
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

const server = new Server(Mpps);
server.on('networkError', () => {});
server.listen(Number(port));
