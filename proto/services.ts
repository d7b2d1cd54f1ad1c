import { containerd, fsutil, google, grpc, moby } from "./gen/buildkit.js";
import { service } from "./service.js";

const { v1 } = moby.buildkit;
const { frontend } = v1;
const content = containerd.services.content.v1;
const { Empty } = google.protobuf;

/** Offered by the daemon: builds, cache, history. */
export const Control = service("moby.buildkit.v1.Control", (rpc) => ({
  DiskUsage: rpc.unary("DiskUsage", v1.DiskUsageRequest, v1.DiskUsageResponse),
  Prune: rpc.serverStream("Prune", v1.PruneRequest, v1.UsageRecord),
  Solve: rpc.unary("Solve", v1.SolveRequest, v1.SolveResponse),
  Status: rpc.serverStream("Status", v1.StatusRequest, v1.StatusResponse),
  Session: rpc.bidi("Session", v1.BytesMessage, v1.BytesMessage),
  ListWorkers: rpc.unary("ListWorkers", v1.ListWorkersRequest, v1.ListWorkersResponse),
  Info: rpc.unary("Info", v1.InfoRequest, v1.InfoResponse),
  ListenBuildHistory: rpc.serverStream("ListenBuildHistory", v1.BuildHistoryRequest, v1.BuildHistoryEvent),
  UpdateBuildHistory: rpc.unary(
    "UpdateBuildHistory",
    v1.UpdateBuildHistoryRequest,
    v1.UpdateBuildHistoryResponse,
  ),
}));

/** Offered by the daemon to the frontend of a running build; the metadata `buildkit-controlapi-buildid` says of which. */
export const LLBBridge = service("moby.buildkit.v1.frontend.LLBBridge", (rpc) => ({
  ResolveImageConfig: rpc.unary(
    "ResolveImageConfig",
    frontend.ResolveImageConfigRequest,
    frontend.ResolveImageConfigResponse,
  ),
  ResolveSourceMeta: rpc.unary(
    "ResolveSourceMeta",
    frontend.ResolveSourceMetaRequest,
    frontend.ResolveSourceMetaResponse,
  ),
  Solve: rpc.unary("Solve", frontend.SolveRequest, frontend.SolveResponse),
  ReadFile: rpc.unary("ReadFile", frontend.ReadFileRequest, frontend.ReadFileResponse),
  ReadDir: rpc.unary("ReadDir", frontend.ReadDirRequest, frontend.ReadDirResponse),
  StatFile: rpc.unary("StatFile", frontend.StatFileRequest, frontend.StatFileResponse),
  Evaluate: rpc.unary("Evaluate", frontend.EvaluateRequest, frontend.EvaluateResponse),
  Ping: rpc.unary("Ping", frontend.PingRequest, frontend.PongResponse),
  Return: rpc.unary("Return", frontend.ReturnRequest, frontend.ReturnResponse),
  Inputs: rpc.unary("Inputs", frontend.InputsRequest, frontend.InputsResponse),
  NewContainer: rpc.unary("NewContainer", frontend.NewContainerRequest, frontend.NewContainerResponse),
  ReleaseContainer: rpc.unary(
    "ReleaseContainer",
    frontend.ReleaseContainerRequest,
    frontend.ReleaseContainerResponse,
  ),
  ExecProcess: rpc.bidi("ExecProcess", frontend.ExecMessage, frontend.ExecMessage),
  ReadFileContainer: rpc.unary("ReadFileContainer", frontend.ReadFileRequest, frontend.ReadFileResponse),
  ReadDirContainer: rpc.unary("ReadDirContainer", frontend.ReadDirRequest, frontend.ReadDirResponse),
  StatFileContainer: rpc.unary("StatFileContainer", frontend.StatFileRequest, frontend.StatFileResponse),
  Warn: rpc.unary("Warn", frontend.WarnRequest, frontend.WarnResponse),
}));

/** Offered by both: the daemon's own store on the control connection, the client's on the session. */
export const Content = service("containerd.services.content.v1.Content", (rpc) => ({
  Info: rpc.unary("Info", content.InfoRequest, content.InfoResponse),
  Update: rpc.unary("Update", content.UpdateRequest, content.UpdateResponse),
  List: rpc.serverStream("List", content.ListContentRequest, content.ListContentResponse),
  Delete: rpc.unary("Delete", content.DeleteContentRequest, Empty),
  Read: rpc.serverStream("Read", content.ReadContentRequest, content.ReadContentResponse),
  Status: rpc.unary("Status", content.StatusRequest, content.StatusResponse),
  ListStatuses: rpc.unary("ListStatuses", content.ListStatusesRequest, content.ListStatusesResponse),
  Write: rpc.bidi("Write", content.WriteContentRequest, content.WriteContentResponse),
  Abort: rpc.unary("Abort", content.AbortRequest, Empty),
}));

/** Offered by both; without it on the session the daemon closes the session. */
export const Health = service("grpc.health.v1.Health", (rpc) => ({
  Check: rpc.unary("Check", grpc.health.v1.HealthCheckRequest, grpc.health.v1.HealthCheckResponse),
  Watch: rpc.serverStream("Watch", grpc.health.v1.HealthCheckRequest, grpc.health.v1.HealthCheckResponse),
}));

// What follows is offered by the client on the session.

/** The daemon reads our directories. */
export const FileSync = service("moby.filesync.v1.FileSync", (rpc) => ({
  DiffCopy: rpc.bidi("DiffCopy", fsutil.types.Packet, fsutil.types.Packet),
  TarStream: rpc.bidi("TarStream", fsutil.types.Packet, fsutil.types.Packet),
}));

/** The daemon hands over a tarball. */
export const FileSend = service("moby.filesync.v1.FileSend", (rpc) => ({
  DiffCopy: rpc.bidi("DiffCopy", moby.filesync.v1.BytesMessage, moby.filesync.v1.BytesMessage),
}));

/**
 * The same path as FileSend, as the exporter `local` uses it: the daemon sends a tree. Which of the two a call is follows
 * from the exporter that was asked for; the .proto of BuildKit declares the first only.
 */
export const FileSendTree = service("moby.filesync.v1.FileSend", (rpc) => ({
  DiffCopy: rpc.bidi("DiffCopy", fsutil.types.Packet, fsutil.types.Packet),
}));

export const Auth = service("moby.filesync.v1.Auth", (rpc) => ({
  Credentials: rpc.unary(
    "Credentials",
    moby.filesync.v1.CredentialsRequest,
    moby.filesync.v1.CredentialsResponse,
  ),
  FetchToken: rpc.unary(
    "FetchToken",
    moby.filesync.v1.FetchTokenRequest,
    moby.filesync.v1.FetchTokenResponse,
  ),
  GetTokenAuthority: rpc.unary(
    "GetTokenAuthority",
    moby.filesync.v1.GetTokenAuthorityRequest,
    moby.filesync.v1.GetTokenAuthorityResponse,
  ),
  VerifyTokenAuthority: rpc.unary(
    "VerifyTokenAuthority",
    moby.filesync.v1.VerifyTokenAuthorityRequest,
    moby.filesync.v1.VerifyTokenAuthorityResponse,
  ),
}));

export const Secrets = service("moby.buildkit.secrets.v1.Secrets", (rpc) => ({
  GetSecret: rpc.unary(
    "GetSecret",
    moby.buildkit.secrets.v1.GetSecretRequest,
    moby.buildkit.secrets.v1.GetSecretResponse,
  ),
}));

export const SSH = service("moby.sshforward.v1.SSH", (rpc) => ({
  CheckAgent: rpc.unary(
    "CheckAgent",
    moby.sshforward.v1.CheckAgentRequest,
    moby.sshforward.v1.CheckAgentResponse,
  ),
  ForwardAgent: rpc.bidi("ForwardAgent", moby.sshforward.v1.BytesMessage, moby.sshforward.v1.BytesMessage),
}));

export const Upload = service("moby.upload.v1.Upload", (rpc) => ({
  Pull: rpc.bidi("Pull", moby.upload.v1.BytesMessage, moby.upload.v1.BytesMessage),
}));

export const SessionExporter = service("moby.exporter.v1.Exporter", (rpc) => ({
  FindExporters: rpc.unary(
    "FindExporters",
    moby.exporter.v1.FindExportersRequest,
    moby.exporter.v1.FindExportersResponse,
  ),
  FinalizeExport: rpc.unary(
    "FinalizeExport",
    moby.exporter.v1.FinalizeExportRequest,
    moby.exporter.v1.FinalizeExportResponse,
  ),
}));
