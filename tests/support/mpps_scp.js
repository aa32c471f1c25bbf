// An MPPS SCP by another hand (dcmjs-dimse): takes N-CREATE and N-SET and writes each message as one line of JSON.
// Arguments: the port, the file to append to, and the folder into which npm installed the library.
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [port, out, installed] = process.argv.slice(2);
const { Server, Scp, constants, responses } = createRequire(path.join(installed, 'package.json'))('dcmjs-dimse');
const { Status, PresentationContextResult, SopClass } = constants;
const WANTED = SopClass.ModalityPerformedProcedureStep || '1.2.840.10008.3.1.2.3.3';

function keep(operation, uid, dataset) {
  const line = { operation, uid, elements: dataset ? dataset.getElements() : null };
  fs.appendFileSync(out, JSON.stringify(line) + '\n');
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
    keep('N-CREATE', request.getAffectedSopInstanceUid(), request.getDataset());
    const response = responses.NCreateResponse.fromRequest(request);
    response.setStatus(Status.Success);
    answer(response);
  }

  nSetRequest(request, answer) {
    keep('N-SET', request.getRequestedSopInstanceUid(), request.getDataset());
    const response = responses.NSetResponse.fromRequest(request);
    response.setStatus(Status.Success);
    answer(response);
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

const server = new Server(Mpps);
server.on('networkError', () => {});
server.listen(Number(port));
