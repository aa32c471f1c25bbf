// An archive by another hand (dcmjs-dimse): stores, and commits by N-EVENT-REPORT, on the same or on a new association.
// Arguments: the port, the file to append to, the folder into which npm installed the library, and the port of the
// listener to which it reports (0: on the same association).
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const [port, out, installed, reportTo] = process.argv.slice(2);
const dimse = createRequire(path.join(installed, 'package.json'))('dcmjs-dimse');
const { Client, Dataset, Server, Scp, constants, requests, responses } = dimse;
const { Status, PresentationContextResult } = constants;
const COMMITMENT = '1.2.840.10008.1.20.1';
const COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1.1';
const NO_SUCH_INSTANCE = 0x0112;
const held = new Set();

function keep(line) {
  fs.appendFileSync(out, JSON.stringify(line) + '\n');
}

function digestOf(pixelData) {
  const hash = crypto.createHash('sha256');
  for (const frame of [].concat(pixelData)) {
    hash.update(Buffer.from(frame));
  }
  return hash.digest('hex');
}

function listOf(sequence) {
  return sequence === undefined ? [] : [].concat(sequence);
}

class Archive extends Scp {
  associationRequested(association) {
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      context.setResult(PresentationContextResult.Accept, context.getTransferSyntaxUids()[0]);
    }
    this.sendAssociationAccept();
  }

  cStoreRequest(request, answer) {
    const dataset = request.getDataset();
    const elements = dataset.getElements();
    held.add(request.getAffectedSopInstanceUid());
    keep({
      operation: 'C-STORE',
      uid: request.getAffectedSopInstanceUid(),
      syntax: dataset.getTransferSyntaxUid(),
      accession: elements.AccessionNumber,
      rows: elements.Rows,
      columns: elements.Columns,
      pixels: digestOf(elements.PixelData),
    });
    const response = responses.CStoreResponse.fromRequest(request);
    response.setStatus(Status.Success);
    answer(response);
  }

  nActionRequest(request, answer) {
    const asked = request.getDataset().getElements();
    keep({ operation: 'N-ACTION', uid: asked.TransactionUID, action: request.getActionTypeId() });
    const response = responses.NActionResponse.fromRequest(request);
    response.setStatus(Status.Success);
    answer(response);
    setTimeout(() => this.report(asked), 100);
  }

  report(asked) {
    const kept = listOf(asked.ReferencedSOPSequence).filter((one) => held.has(one.ReferencedSOPInstanceUID));
    const lost = listOf(asked.ReferencedSOPSequence).filter((one) => !held.has(one.ReferencedSOPInstanceUID));
    const words = { TransactionUID: asked.TransactionUID };
    if (kept.length) {
      words.ReferencedSOPSequence = kept;
    }
    if (lost.length) {
      words.FailedSOPSequence = lost.map((one) => ({ ...one, FailureReason: NO_SUCH_INSTANCE }));
    }
    const report = new requests.NEventReportRequest(COMMITMENT, COMMITMENT_INSTANCE, lost.length ? 2 : 1);
    report.setDataset(new Dataset(words));
    report.on('response', (response) => {
      keep({ operation: 'N-EVENT-REPORT', uid: asked.TransactionUID, status: response.getStatus() });
    });
    if (Number(reportTo) === 0) {
      this.sendRequests([report]);
      return;
    }
    const client = new Client();
    client.on('networkError', (fault) => keep({ operation: 'fault', text: String(fault) }));
    client.addRequest(report);
    client.send('127.0.0.1', Number(reportTo), 'PACS', 'BOX');
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

const server = new Server(Archive);
server.on('networkError', () => {});
server.listen(Number(port));
