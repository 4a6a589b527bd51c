"""Makes resize.npz with PyTorch; run it in this folder."""
import numpy as np, torch, torch.nn.functional as F
rng=np.random.default_rng(7)
x=rng.standard_normal((2,12,10,3)).astype(np.float32)
t=torch.from_numpy(x.transpose(0,3,1,2))
out={"images":x}
def put(n,y): out[n]=y.numpy().transpose(0,2,3,1)
sizes={"down":(5,4),"up":(17,23),"mixed":(7,25)}
for s,size in sizes.items():
    put(f"area/{s}",F.adaptive_avg_pool2d(t,size))
    put(f"bilinear/{s}",F.interpolate(t,size,mode="bilinear"))
    put(f"bilinear_corners/{s}",F.interpolate(t,size,mode="bilinear",align_corners=True))
    put(f"bilinear_antialias/{s}",F.interpolate(t,size,mode="bilinear",antialias=True))
    put(f"bicubic/{s}",F.interpolate(t,size,mode="bicubic"))
    put(f"bicubic_antialias/{s}",F.interpolate(t,size,mode="bicubic",antialias=True))
put("max_pool/floor",F.max_pool2d(t,3,2)); put("max_pool/padded",F.max_pool2d(t,3,2,padding=1)); put("max_pool/ceil",F.max_pool2d(t,3,2,ceil_mode=True))
put("average_pool/inside",F.avg_pool2d(t,3,1,1,count_include_pad=False))
# ties: gradient of max pool 2x2
q=torch.from_numpy(rng.integers(0,3,(1,2,7,8)).astype(np.float32)).requires_grad_(True)
w=torch.from_numpy(rng.standard_normal((1,2,3,4)).astype(np.float32))
(F.max_pool2d(q,2)*w).sum().backward()
out["ties/images"]=q.detach().numpy().transpose(0,2,3,1); out["ties/weights"]=w.numpy().transpose(0,2,3,1); out["ties/gradient"]=q.grad.numpy().transpose(0,2,3,1)
np.savez_compressed("resize.npz",**out)
